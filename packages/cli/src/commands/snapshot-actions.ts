import { lstatSync, realpathSync } from 'node:fs';
import { webRandomSource } from '@longshore/repo';
import { createPolicyActions, type ActionEvent, type SnapshotActions } from '@longshore/snapshot';
import { createLocalActionRunner } from '@longshore/snapshot/node';
import type { CommandContext } from '../context.ts';
import { packageVersion } from '../version.ts';

/** The programs of policies for one snapshot. Disposing waits for those that run in the background. */
export interface SourceActions extends AsyncDisposable {
  readonly actions: SnapshotActions;
}

/** Where programs are not allowed, the log says which were not run. `path` is absolute. */
export function openSourceActions(
  context: CommandContext,
  { path, areAllowed }: { readonly path: string; readonly areAllowed: boolean },
): SourceActions {
  const { env, signal } = context;
  const runner = areAllowed ? createLocalActionRunner({ environment: env, signal }) : undefined;
  const actions = createPolicyActions({
    runner,
    sourcePath: lstatSync(path).isSymbolicLink() ? realpathSync(path) : path,
    random: webRandomSource,
    version: packageVersion(),
    onEvent: (event) => report(context, event),
  });
  return { actions, [Symbol.asyncDispose]: async () => runner?.[Symbol.asyncDispose]() };
}

function report({ log }: CommandContext, event: ActionEvent): void {
  const { action, folder } = event;
  switch (event.type) {
    case 'action-started':
      return log.debug(`running the ${action} action of ${folder}`);
    case 'action-skipped':
      return log.info(
        `Not running the ${action} action of ${folder}: actions are not enabled for this connection.`,
      );
    case 'action-redirected':
      return log.info(`${folder} is read at ${event.path}, as its ${action} action says.`);
    case 'action-output':
      return log.info(`${action}: ${event.line}`);
    case 'action-failed':
      return log.error(`The ${action} action of ${folder} failed: ${event.error}`);
  }
}
