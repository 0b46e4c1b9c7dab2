import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE"] + "/v1", max_retries=0, timeout=20)
completion = client.chat.completions.create(model="example", messages=[{"role": "user", "content": "Hello"}])
print(completion.choices[0].message.content)
