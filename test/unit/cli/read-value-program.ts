import { processIo } from '../../../src/cli/io.ts';
import { readValue } from '../../../src/cli/read-value.ts';

/** Reads a value as the arguments say (`--from-stdin`, `--from-env NAME`, or the prompt) and prints its bytes as hex. */
const [mode, name] = process.argv.slice(2);
try {
  const value = await readValue(processIo(), {
    prompt: 'Value of k',
    fromStdin: mode === '--from-stdin',
    fromEnv: mode === '--from-env' ? name : undefined,
  });
  process.stdout.write(`hex:${Buffer.from(value).toString('hex')}\n`);
} catch (error) {
  process.stdout.write(`refused:${error instanceof Error ? error.message : ''}\n`);
}
