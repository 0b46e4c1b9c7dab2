/** What `standin/client` is: the API as classes, for Node and browsers. */
export { Sandbox } from './library/sandbox.ts';
export type { SandboxListOptions } from './library/sandbox.ts';
export type {
  Mount,
  NetworkConfig,
  PreviewAccess,
  SandboxCreateOptions,
  SandboxEgress,
  SandboxInfo,
  SandboxSecretBinding,
  SandboxStatus,
  SandboxUpdateOptions,
} from './library/sandbox-info.ts';
export type { CommandOptions, CommandResult, Commands, RunOptions, SpawnOptions } from './library/commands.ts';
export type { CommandSession, CommandStdin } from './library/command-session.ts';
export type { CommandEvent } from './exec-events.ts';
export type { DirectoryEntry, FileInput, Files, ReadOptions } from './library/sandbox-files.ts';
export type { NetworkEvent, NetworkLogOptions, NetworkLogPage, NetworkVerdict } from './library/network-log.ts';
export { MAX_PREVIEW_PORT, MIN_PREVIEW_PORT, previewUrl } from './library/previews.ts';
export type { PreviewPort, PreviewToken, Previews } from './library/previews.ts';
export { Secret } from './library/secret.ts';
export type {
  AuditStatusFilter,
  OnTripwire,
  RequestSketch,
  ProxyAuditEvent,
  SecretAuditOptions,
  SecretAuth,
  SecretAuthPerHost,
  SecretAuthRule,
  SecretAuthType,
  SecretCreateOptions,
  SecretInfo,
  SecretExplanation,
  SecretSandboxBinding,
  SecretSearchOptions,
  SecretTest,
  SecretVersion,
} from './library/secret-info.ts';
export { Requests } from './library/requests.ts';
export type {
  RequestEvent,
  RequestExplanation,
  RequestFilter,
  RequestListOptions,
  RequestPage,
} from './library/requests.ts';
export { Provider } from './library/provider.ts';
export type { ProviderShortcut } from './library/provider.ts';
export type { CallOptions, ConnectionOptions } from './library/connection.ts';
export {
  ApiError,
  AuthenticationError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  StandinError,
  StandinError as SandboxError,
  StorageFullError,
  TimeoutError,
  UnavailableError,
  UnexpectedAnswerError,
  ValidationError,
} from './errors.ts';
export { createCall } from './transport.ts';
export type { Call, CallInput, ClientOptions } from './transport.ts';
