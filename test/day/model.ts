/** One answer of a model: what it says, and the command that it wants run; without one its job is done. */
export interface Turn {
  says: string;
  command: string | null;
  /** What the command's output must hold; told when the agent reports it. */
  expects: RegExp;
}

export type Agent = 'claude' | 'codex';

/** Packages of both registries greet with it. */
export const greeting = 'hello from the package';
/** What an agent hears last. */
export const farewell = 'That is all for today.';

const identity = '-c user.name=Agent -c user.email=agent@example.com';
const repository = '"https://x-access-token:$GITHUB_TOKEN@github.com/project.git"';
const standIn = 'standin[A-Za-z0-9]{25}';

/** What each agent is told to do in its job of that number, command by command. `$DAY` has our programs, `$PYTHON` runs them. */
export function turnsOf(agent: Agent, job: number): Turn[] {
  return agent === 'claude' ? claude(job) : codex(job);
}

function claude(job: number): Turn[] {
  return [
    turn(
      'Clone it.',
      `rm -rf ~/work && git clone -q ${repository} ~/work && ls -A ~/work`,
      /\.npmrc[^]*package-lock\.json/,
    ),
    turn(
      'Note down which job this is.',
      `cd ~/work && sed -i 's/^job .*/job ${job}/' notes.md && git ${identity} commit -q -a -m 'Job ${job}' && git push -q && git log -1 --format=%s`,
      new RegExp(`^Job ${job}$`, 'm'),
    ),
    turn(
      'Install what it needs, and use it.',
      `cd ~/work && cache=$(mktemp -d) && npm ci --silent --no-audit --no-fund --cache "$cache" && node -p 'require("standin-sample")'; rm -rf "$cache" node_modules`,
      new RegExp(greeting),
    ),
    turn(
      'Show it on a page.',
      `mkdir -p ~/site && echo "<h1>job ${job}</h1>" > ~/site/new && mv ~/site/new ~/site/index.html
[ -e ~/site.pid ] || { setsid "$PYTHON" -m http.server 8000 -d ~/site > ~/site.log 2>&1 < /dev/null & echo $! > ~/site.pid; }
curl -sS --retry 20 --retry-connrefused --retry-delay 1 --noproxy '*' http://127.0.0.1:8000/`,
      new RegExp(`<h1>job ${job}</h1>`),
    ),
    done,
  ];
}

function codex(job: number): Turn[] {
  return [
    turn(
      'Install the package, and use it.',
      `there=$(mktemp -d) && "$PYTHON" -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --retries 0 --target "$there" --index-url "https://reader:$PYPI_TOKEN@pypi.example.com/simple/" standin-sample && PYTHONPATH="$there" "$PYTHON" -c 'import standin_sample; print(standin_sample.GREETING)'; rm -rf "$there"`,
      new RegExp(greeting),
    ),
    turn(
      'Talk over a WebSocket.',
      `"$PYTHON" "$DAY/talk.py" ${job}`,
      new RegExp(`^${job} heard Bearer .*${standIn}`, 'm'),
    ),
    turn(
      'See what was pushed.',
      `git ls-remote -q ${repository} refs/heads/main`,
      /^[0-9a-f]{40}\trefs\/heads\/main$/m,
    ),
    turn(
      'Work on what lies in the inbox.',
      `mkdir -p ~/inbox ~/outbox && for each in ~/inbox/*; do [ -e "$each" ] || continue; cp "$each" ~/outbox/new && sed -i 's/todo/done/' ~/outbox/new && mv ~/outbox/new ~/outbox/"\${each##*/}" && rm "$each"; done; echo worked`,
      /^worked$/m,
    ),
    turn(
      'Ask for the models.',
      'curl -sS --fail-with-body --http2 https://api.openai.com/v1/models -H "Authorization: Bearer $OPENAI_API_KEY"',
      new RegExp(standIn),
    ),
    done,
  ];
}

function turn(says: string, command: string, expects: RegExp): Turn {
  return { says, command, expects };
}

const done: Turn = { says: 'Done.', command: null, expects: /^/ };
