import { badField } from '../errors.ts';

const placeholder = /\{\{[ ]*value[ ]*\}\}/g;

/** What stands before and after `{{ value }}`. The template was judged by {@link requireTemplate}. */
export function splitTemplate(template: string): { before: string; after: string } {
  const [before = '', after = ''] = template.split(placeholder);
  return { before, after };
}

/**
 * A header template: printable ASCII that names `{{ value }}` once. Once, since a stand-in is recognised by what
 * stands before and after it.
 */
export function requireTemplate(field: string, template: string): string {
  if (template.length > 1024) throw badField(field, 'a template has 1024 characters at most');
  requireHeaderText(field, template);
  const times = [...template.matchAll(placeholder)].length;
  if (times !== 1) throw badField(field, `must name {{ value }} exactly once, as in "Token {{ value }}"`);
  if (/\{\{|\}\}/.test(template.replace(placeholder, ''))) {
    throw badField(field, 'knows the placeholder {{ value }} only');
  }
  // RFC 9110 5.5: white space around a field value is not part of it, so it would be lost on the way.
  if (template.trim() !== template) throw badField(field, 'must not start or end with a space');
  return template;
}

/** Text that goes into a header as it is: a control character could end the line (RFC 9110 5.5). */
export function requireHeaderText(field: string, text: string): string {
  if (/[^\x20-\x7e]/.test(text)) {
    throw badField(field, 'must be printable ASCII, without line breaks or other control characters');
  }
  return text;
}
