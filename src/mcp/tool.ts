import type { McpServer, StandardSchemaWithJSON, ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import type { ConnectionOptions } from '../client/library.ts';
import { explainFailure } from './failure.ts';

/** What every tool works with. */
export interface Settings {
  /** The server and its key, as the library takes them. */
  connection: ConnectionOptions & { baseUrl: string; apiKey: string };
  version: string;
  /** Only tools that change nothing. */
  readOnly: boolean;
  /** Names of the only secrets that it may see and bind; undefined: all of the team. */
  secrets: readonly string[] | undefined;
  /** Credentials of this program itself, which no answer may have. */
  ownCredentials: readonly string[];
}

/** One call of a tool. */
export interface Call extends Settings {
  /** Aborts when the client cancels the call or goes away. */
  signal: AbortSignal;
  /** The same as `connection`, ended by `signal`. */
  server: ConnectionOptions;
  /** Tells the client how far it is, where it asked to be told. */
  progress: (done: number, message: string) => Promise<void>;
}

/** A tool, whose input and output are schemas. None has an input for a credential's value, and none answers one. */
export interface Tool<Input extends z.ZodObject, Output extends z.ZodObject> {
  name: string;
  title: string;
  description: string;
  annotations: ToolAnnotations & { readOnlyHint: boolean };
  input: Input;
  output: Output;
  run(input: z.output<Input>, call: Call): Promise<z.input<Output>>;
  /** What a model reads. Without: the output as JSON. */
  text?(output: z.input<Output>): string;
}

/** A tool that can be put into a server, whatever its schemas. */
export interface RegisteredTool {
  name: string;
  readOnly: boolean;
  register(server: McpServer, settings: Settings): void;
}

/** Makes a tool out of its description: what it throws becomes an answer that names the fix. */
export function tool<Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: Tool<Input, Output>,
): RegisteredTool {
  const { name, title, description, annotations, input, output } = definition;
  return {
    name,
    readOnly: annotations.readOnlyHint,
    register(server, settings) {
      const inputSchema: StandardSchemaWithJSON = input;
      const outputSchema: StandardSchemaWithJSON = output;
      const config = { title, description, annotations, inputSchema, outputSchema };
      server.registerTool(name, config, async (given: unknown, { mcpReq }) => {
        const token = mcpReq._meta?.progressToken;
        const call: Call = {
          ...settings,
          signal: mcpReq.signal,
          server: { ...settings.connection, signal: mcpReq.signal },
          progress: async (progress, message) => {
            if (token === undefined) return;
            const params = { progressToken: token, progress, message: clean(message, settings) };
            await mcpReq.notify({ method: 'notifications/progress', params });
          },
        };
        try {
          const result = await definition.run(input.parse(given), call);
          const text = definition.text?.(result) ?? JSON.stringify(result, null, 2);
          const structured: unknown = JSON.parse(clean(JSON.stringify(output.parse(result)), settings));
          return { content: [{ type: 'text', text: clean(text, settings) }], structuredContent: objectOf(structured) };
        } catch (error) {
          if (mcpReq.signal.aborted) throw error;
          const text = clean(explainFailure(error, settings.connection.baseUrl), settings);
          return { isError: true, content: [{ type: 'text', text }] };
        }
      });
    },
  };
}

/** Without this program's own credentials, should one have come in by a sandbox's output. */
function clean(text: string, { ownCredentials }: Settings): string {
  return ownCredentials.reduce((rest, credential) => rest.replaceAll(credential, '[credential]'), text);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
