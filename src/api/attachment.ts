/**
 * Headers for bytes that a browser is to keep and not to show: what is in a sandbox is nobody's page. RFC 6266, section 4:
 * `filename` for those who know no other, `filename*` (RFC 8187) for the name as it is.
 */
export function attachment(name: string, type: string): Record<string, string> {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
  return {
    'content-type': type,
    'content-disposition': `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`,
  };
}
