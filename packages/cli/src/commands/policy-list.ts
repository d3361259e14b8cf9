import { formatSource, listPolicies, policyPayload, type StoredPolicy } from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { JSONList } from '../output/json-output.ts';

export const command: Command = defineCommand({
  summary: 'List policies.',
  flags: JSON_FLAGS,
  args: {},
  async run(context, { flags }) {
    await withRepository(context, async ({ repository }) => {
      const policies = await listPolicies(repository, { signal: context.signal });
      const sorted = policies.toSorted((a, b) =>
        formatSource(a.target) < formatSource(b.target) ? -1 : 1,
      );
      if (flags.json) {
        const list = new JSONList(context, flags);
        for (const policy of sorted) list.add(policyJSON(policy));
        list.end();
        return;
      }
      for (const { id, target } of sorted) context.print(`${id} ${formatSource(target)}\n`);
    });
  },
});

function policyJSON({ id, target, policy }: StoredPolicy): object {
  const { host, userName, path } = target;
  return { id, target: { host, userName, path }, ...policyPayload(policy) };
}
