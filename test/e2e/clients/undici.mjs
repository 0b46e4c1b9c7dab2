// The fetch of Node, which takes proxy and roots from its environment; prints what came of it as JSON.
const base = process.env.BASE;
const headers = { Authorization: `Bearer ${process.env.KEY}` };
const text = async (path, options) => (await fetch(base + path, { headers, ...options })).text();
const returned = await text('/authorization');
// A stream has no length: it goes out in chunks.
const body = new Blob([new Uint8Array(1_000_000)]).stream();
const [length] = (await text('/length', { method: 'PUT', body, duplex: 'half' })).split(' ');
const many = await Promise.all(Array.from({ length: 50 }, () => text('/authorization')));
console.log(JSON.stringify({ returned, length, many: many.filter((each) => each === headers.Authorization).length }));
