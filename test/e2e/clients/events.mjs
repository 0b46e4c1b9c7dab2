// Prints an event stream as it comes: `events.mjs [gzip] URL`.
const authorization = process.env.AUTHORIZATION;
const response = await fetch(process.argv.at(-1), {
  headers: {
    'Accept-Encoding': process.argv.includes('gzip') ? 'gzip' : 'identity',
    ...(authorization === '' ? {} : { Authorization: authorization }),
  },
});
for await (const part of response.body) process.stdout.write(part);
