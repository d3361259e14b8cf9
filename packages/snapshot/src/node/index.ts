export { createArchiveFile, type ArchiveFileOptions } from './archive-file.ts';
export { createSystemCalls } from './create-system-calls.ts';
export { createLocalActionRunner, type LocalActionRunnerOptions } from './local-action-runner.ts';
export { openLocalEntry, type LocalEntryOptions } from './local-entry.ts';
export { openLocalOutput, type LocalOutputOptions } from './local-output.ts';
export type { Credentials } from './webdav/access.ts';
export {
  serveWebdav,
  type ServeWebdavOptions,
  type WebdavAnswer,
  type WebdavServer,
} from './webdav/serve-webdav.ts';
