// A process of its own that takes snapshots: node snapshot-process.ts REPOSITORY PASSWORD TREE SOURCE-PATH COUNT
import { LongshoreClient } from '../longshore.ts';

const [path, password, tree, sourcePath, count] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
await using client = await LongshoreClient.open({ path, password, threads: true });
for (let i = 0; i < Number(count); i++) {
  const source = { userName: 'tester', host: 'kopia-host', path: sourcePath };
  const { snapshot } = await client.snapshot(tree, source);
  console.log(snapshot!.rootEntry!.objectID);
}
