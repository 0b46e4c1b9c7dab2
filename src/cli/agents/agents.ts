/** A coding agent that `standin run` knows: what it is called, what it wants, and where it keeps what. */
export interface Agent {
  /** As it is typed after `standin run`, and the name of its program. */
  name: string;
  display: string;
  /** How its vendor says it is installed. */
  install: string;
  /** Keys that it can work with, by variable; one is enough. `provider` is of the catalogue. */
  keys: readonly { variable: string; provider: string }[];
  /** Variables for every run: a private place for its configuration, and no updates of what is mounted read-only. */
  env: Readonly<Record<string, string>>;
  /** Its configuration: where it is inside, where under the host's home, and what of it holds no credentials. */
  config: { inside: string; host: string; files: readonly string[] };
  /** Files that it must find, so that it does not ask for a login that it does not need. */
  seeds(bound: Bound): readonly Seed[];
  /** Where the vendor says all this. */
  source: string;
}

/** The stand-ins that the agent gets, by variable. */
export type Bound = Readonly<Record<string, string>>;

/** A JSON file in the sandbox; what the host's own copy of it says stays, but for these fields. */
export interface Seed {
  path: string;
  content: Record<string, unknown>;
}

const home = '/home/user';
const anthropic = { variable: 'ANTHROPIC_API_KEY', provider: 'anthropic' };
const openai = { variable: 'OPENAI_API_KEY', provider: 'openai' };
const gemini = { variable: 'GEMINI_API_KEY', provider: 'gemini' };
const openrouter = { variable: 'OPENROUTER_API_KEY', provider: 'openrouter' };

/** Every agent there is. */
export const agents: readonly Agent[] = [
  {
    name: 'claude',
    display: 'Claude Code',
    install: 'npm install -g @anthropic-ai/claude-code',
    keys: [anthropic],
    env: { CLAUDE_CONFIG_DIR: `${home}/.claude`, DISABLE_AUTOUPDATER: '1' },
    config: {
      inside: `${home}/.claude`,
      host: '.claude',
      files: ['settings.json', 'CLAUDE.md', 'agents', 'commands', 'skills', 'output-styles', 'keybindings.json'],
    },
    // It asks before it uses a key from the environment, and remembers the last 20 characters of those it may use.
    seeds: (bound) => [
      {
        path: `${home}/.claude/.claude.json`,
        content: {
          hasCompletedOnboarding: true,
          customApiKeyResponses: { approved: [(bound['ANTHROPIC_API_KEY'] ?? '').slice(-20)], rejected: [] },
        },
      },
    ],
    source: 'https://code.claude.com/docs/en/env-vars',
  },
  {
    name: 'codex',
    display: 'Codex CLI',
    install: 'npm install -g @openai/codex',
    keys: [openai],
    // It wants the directory to be there; the seed makes it.
    env: { CODEX_HOME: `${home}/.codex` },
    config: {
      inside: `${home}/.codex`,
      host: '.codex',
      files: ['config.toml', 'AGENTS.md', 'prompts', 'rules', 'skills'],
    },
    // What `codex login --with-api-key` writes.
    seeds: (bound) => [
      {
        path: `${home}/.codex/auth.json`,
        content: { auth_mode: 'apikey', OPENAI_API_KEY: bound['OPENAI_API_KEY'] ?? '' },
      },
    ],
    source: 'https://developers.openai.com/codex/config-file/environment-variables',
  },
  {
    name: 'gemini',
    display: 'Gemini CLI',
    install: 'npm install -g @google/gemini-cli',
    keys: [gemini],
    env: {},
    config: {
      inside: `${home}/.gemini`,
      host: '.gemini',
      files: ['settings.json', 'GEMINI.md', 'commands'],
    },
    seeds: () => [
      {
        path: `${home}/.gemini/settings.json`,
        content: {
          security: { auth: { selectedType: 'gemini-api-key' } },
          general: { enableAutoUpdate: false },
        },
      },
    ],
    source: 'https://geminicli.com/docs/reference/configuration',
  },
  {
    name: 'opencode',
    display: 'opencode',
    install: 'npm install -g opencode-ai',
    keys: [anthropic, openai, gemini, openrouter],
    env: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
    config: {
      inside: `${home}/.config/opencode`,
      host: '.config/opencode',
      files: ['opencode.json', 'opencode.jsonc', 'AGENTS.md', 'agent', 'agents', 'command', 'commands', 'themes'],
    },
    seeds: () => [],
    source: 'https://opencode.ai/docs/cli/',
  },
  {
    name: 'aider',
    display: 'aider',
    install: 'uv tool install aider-chat',
    keys: [anthropic, openai, gemini, openrouter],
    env: { AIDER_CHECK_UPDATE: 'false', AIDER_ANALYTICS: 'false' },
    config: { inside: home, host: '', files: ['.aider.conf.yml', '.aider.model.settings.yml'] },
    seeds: () => [],
    source: 'https://aider.chat/docs/config/options.html',
  },
];

/** The agent whose program this is, by its bare name. */
export function agentOf(command: string): Agent | undefined {
  return agents.find(({ name }) => name === command);
}
