/** How a preview token travels: the names that official clients know. */
export const previewHeader = 'X-Superserve-Preview-Token';
export const previewQueryParameter = 'superserve_preview_token';
/** RFC 6265bis, section 4.1.3.2: with this prefix it is of one host alone. */
export const previewCookie = '__Host-superserve_preview_token';
