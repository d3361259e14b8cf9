import { diagnoseRepository, type Finding } from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { JSONList } from '../output/json-output.ts';

export const command: Command = defineCommand({
  summary: 'Say what is wrong with the repository, what follows from it, and what to do.',
  details:
    'Looks at names, indexes and the records of maintenance; "snapshot verify" looks at the data. Fails if data is lost or in danger.',
  flags: JSON_FLAGS,
  args: {},
  async run(context, { flags }) {
    await withRepository(context, async ({ repository }) => {
      const findings = await diagnoseRepository(repository, { signal: context.signal });
      if (flags.json) {
        const list = new JSONList(context, flags);
        for (const { id, severity, cause, effect, remedy } of findings) {
          list.add({ id, severity, cause, effect, remedy });
        }
        list.end();
      } else if (findings.length === 0) context.print('Nothing is wrong.\n');
      else context.print(findings.map(describe).join('\n'));
      const errors = findings.filter(({ severity }) => severity === 'error').length;
      if (errors > 0) throw new SilentFailure(`${errors} errors were found`);
    });
  },
});

function describe({ id, severity, cause, effect, remedy }: Finding): string {
  return `${severity.toUpperCase()} ${id}\n  Cause:  ${cause}\n  Effect: ${effect}\n  Remedy: ${remedy}\n`;
}
