const response = await fetch(`${process.env.BASE}/v1/chat/completions`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ model: 'example', messages: [] }),
});
console.log(response.status, await response.text());
process.exitCode = response.ok ? 0 : 1;
