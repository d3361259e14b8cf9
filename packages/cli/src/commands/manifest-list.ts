import { formatGoTime, sortedRecord, type ManifestEntry } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { JSON_FLAGS, texts } from '../grammar/value-flags.ts';
import { JSONList } from '../output/json-output.ts';

export const command: Command = defineCommand({
  summary: 'List manifests.',
  flags: {
    filter: texts('Only manifests with this label, <key>:<value>.'),
    sort: texts('Sort by these labels.'),
    ...JSON_FLAGS,
  },
  args: {},
  async run(context, { flags }) {
    const filter = Object.fromEntries(flags.filter.map(parseLabel));
    await withRepository(context, async ({ repository }) => {
      const entries = await repository.findManifests(filter, { signal: context.signal });
      const sorted = entries.toSorted((a, b) => compareByLabels(a, b, flags.sort));
      if (flags.json) {
        const list = new JSONList(context, flags);
        for (const entry of sorted) list.add(entryJSON(entry));
        list.end();
        return;
      }
      for (const entry of sorted) {
        const { id, length, modified } = entry;
        const fields = [id, String(length).padStart(10), context.times.show(modified)];
        context.print(`${fields.join(' ')} ${shownLabels(entry)}\n`);
      }
    });
  },
});

function parseLabel(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 0) {
    throw new UsageError(`--filter needs <key>:<value>, not ${JSON.stringify(text)}`);
  }
  return [text.slice(0, colon), text.slice(colon + 1)];
}

/** Then by time, oldest first. */
function compareByLabels(a: ManifestEntry, b: ManifestEntry, keys: readonly string[]): number {
  for (const key of keys) {
    const left = a.labels[key] ?? '';
    const right = b.labels[key] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.modified < b.modified ? -1 : Number(a.modified > b.modified);
}

/** The type first, the others by name. */
function shownLabels({ labels }: ManifestEntry): string {
  const { type = '', ...others } = labels;
  const rest = [...sortedRecord(others)].map(([key, value]) => `${key}:${value}`);
  return `type:${type} ${rest.join(' ')}`;
}

function entryJSON({ id, length, labels, modified }: ManifestEntry): object {
  return { id, length, labels: sortedRecord(labels), mtime: formatGoTime(modified) };
}
