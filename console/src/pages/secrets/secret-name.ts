/** As the contract has it; the server judges it again. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/;
export const nameRule = '1 to 128 letters, digits, _ or -, the first a letter or _';

export function suggestedName(provider: string): string {
  return `${provider}-prod`;
}

/** The variable that a program would look for: `anthropic-prod` → `ANTHROPIC_PROD`. */
export function suggestedVariable(secret: string): string {
  return secret.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_');
}
