/** What a program says, as a sentence; the name of a field that it begins with stays as it is. */
export function sentence(text: string): string {
  const first = /^[a-z_]+(\.|:)/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
