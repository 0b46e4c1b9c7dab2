"""Works as a coding agent does: asks the model what to do, runs it in a shell, tells what came of it. Day's end is its own."""
import json
import os
import subprocess
import traceback

import openai

home = os.environ["HOME"]
client = openai.OpenAI(max_retries=0)
parameters = {"type": "object", "properties": {"command": {"type": "string"}}}
tools = [{"type": "function", "function": {"name": "shell", "description": "Runs a command", "parameters": parameters}}]


def run(command):
    done = subprocess.run(["/bin/bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode("utf-8", "replace") + (f"exit code {done.returncode}\n" if done.returncode else "")


def job(number):
    messages = [{"role": "user", "content": f"Job {number}"}]
    while True:
        said, arguments, reason = "", "", None
        stream = client.chat.completions.create(model="example", messages=messages, tools=tools, stream=True)
        with open(f"{home}/codex.log", "a") as log:
            for chunk in stream:
                choice = chunk.choices[0]
                said += choice.delta.content or ""
                log.write(choice.delta.content or "")
                for call in choice.delta.tool_calls or []:
                    arguments += call.function.arguments or ""
                reason = choice.finish_reason or reason
        if reason == "stop":
            return said
        if reason != "tool_calls":
            raise RuntimeError(f"the stream broke off: {reason}")
        call = {"id": "call_1", "type": "function", "function": {"name": "shell", "arguments": arguments}}
        messages.append({"role": "assistant", "content": said, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": run(json.loads(arguments)["command"])})


try:
    number = 1
    while "That is all for today." not in job(number):
        number += 1
    ended = "ended well"
except Exception:
    ended = traceback.format_exc()
with open(f"{home}/codex.end", "w") as file:
    file.write(ended)
