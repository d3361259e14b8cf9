import { encodeGoJSON, parseManifestID, sortedRecord } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { indentJSON } from '../output/indent-json.ts';

export const command: Command = defineCommand({
  summary: 'Show manifests.',
  flags: {},
  args: { item: argumentList('IDs of manifests.', { required: true }) },
  async run(context, { args }) {
    const ids = args.item.map(parseManifestID);
    await withRepository(context, async ({ repository }) => {
      for (const id of ids) {
        const { entry, payload } = await repository.getManifest(id, { signal: context.signal });
        const labels = [...sortedRecord(entry.labels)].map(
          ([key, value]) => `// label ${key}:${value}\n`,
        );
        context.print(
          `// id: ${entry.id}\n// length: ${entry.length}\n` +
            `// modified: ${context.times.show(entry.modified)}\n${labels.join('')}` +
            `${indentJSON(encodeGoJSON(payload))}\n`,
        );
      }
    });
  },
});
