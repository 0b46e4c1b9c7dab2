import { runCli } from '../../../src/cli/cli.ts';

/**
 * The command line as a program of its own, for tests that need a real process: its server prints what it was asked to
 * do and ends, and this machine lacks what CLI_TEST_MISSING and CLI_TEST_GVISOR_MISSING say.
 */
process.exitCode = await runCli(process.argv, {
  version: '9.9.9',
  serve: (options) => {
    process.stdout.write(`${JSON.stringify(options)}\n`);
    return Promise.resolve();
  },
  preflight: (driver) => {
    const missing = process.env[driver === 'gvisor' ? 'CLI_TEST_GVISOR_MISSING' : 'CLI_TEST_MISSING'];
    if (missing === undefined) return Promise.resolve([]);
    const tool = /^(\S+) is not installed$/.exec(missing)?.[1];
    return Promise.resolve([
      { what: missing, fix: `install ${missing}`, ...(tool === undefined ? {} : { missing: tool }) },
    ]);
  },
});
