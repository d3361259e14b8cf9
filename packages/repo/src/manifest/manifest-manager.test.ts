import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../bytes.ts';
import {
  createContentWorld,
  seededRandomSource,
  type ContentClient,
  type ContentWorld,
} from '../content/content-world.ts';
import { parseContentID, type ContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentReader, IterateContentsOptions } from '../content/content-reader.ts';
import type { ContentCache } from '../content/content-cache.ts';
import { createMemoryCache } from '../content/content-cache.ts';
import type { SessionContents } from '../content/session-contents.ts';
import type { Labels } from '../repository-contract.ts';
import { encodeManifestContent, parseManifestContent } from './manifest-content.ts';
import { parseManifestID } from './manifest-id.ts';
import { ManifestReader, ManifestWriter } from './manifest-manager.ts';

const NOTE: Labels = { type: 'note' };

interface Writer {
  readonly client: ContentClient;
  readonly contents: SessionContents;
  readonly manifests: ManifestWriter;
  /** As a repository writer does it. */
  flush(): Promise<void>;
}

let seed = 0;

async function openWriter(world: ContentWorld, cache?: ContentCache): Promise<Writer> {
  const client = await world.openClient(cache === undefined ? {} : { cache });
  const contents = client.newWriter();
  const random = seededRandomSource(++seed);
  const manifests = new ManifestWriter(contents, {
    compressors: client.compressors,
    clock: world.time.clock,
    random,
  });
  return {
    client,
    contents,
    manifests,
    async flush() {
      await manifests.writePending();
      await contents.flush();
    },
  };
}

async function openReader(world: ContentWorld): Promise<ManifestReader> {
  const { committed, compressors } = await world.openClient();
  return new ManifestReader(committed, {
    compressors,
    clock: world.time.clock,
    random: seededRandomSource(1),
  });
}

async function payloads(reader: ManifestReader, labels: Labels = NOTE): Promise<unknown[]> {
  const entries = await reader.find(labels);
  return Promise.all(entries.map(async ({ id }) => (await reader.get(id)).payload));
}

async function manifestContents(world: ContentWorld): Promise<string[]> {
  const { committed } = await world.openClient();
  return [...committed.iterateContents({ prefix: 'm' })].map(({ contentID }) => contentID);
}

/** Reads through `contents`, whose index names `id`, too, for the first `times` that it is asked. */
function namingAnother(contents: ContentReader, id: ContentID, times: number): ContentReader {
  let asked = 0;
  return new Proxy(contents, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'iterateContents') return value.bind(target) as unknown;
      return function* (options: IterateContentsOptions): Generator<ContentInfo> {
        for (const info of target.iterateContents(options)) {
          if (asked++ < times) yield { ...info, contentID: id };
          yield info;
        }
      };
    },
  });
}

describe.each([1, 3] as const)('manifests in format version %i', (version) => {
  it('are read anew when one of their contents leaves the index before it is read', async () => {
    const world = await createContentWorld({ version });
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, { text: 'here' });
    await writer.flush();
    const { committed, compressors } = await world.openClient();
    const gone = parseContentID(`m${'ee'.repeat(16)}`);
    const environment = {
      compressors,
      clock: world.time.clock,
      random: seededRandomSource(1),
    };
    const outdated = new ManifestReader(namingAnother(committed, gone, 1), environment);
    expect(await payloads(outdated)).toEqual([{ text: 'here' }]);
    const broken = new ManifestReader(namingAnother(committed, gone, Infinity), environment);
    await expect(payloads(broken)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
  });

  it('are found by their labels, oldest first, before and after they are committed', async () => {
    const world = await createContentWorld({ version });
    const writer = await openWriter(world);
    writer.manifests.put({ ...NOTE, author: 'ann' }, { text: 'first' });
    writer.manifests.put({ ...NOTE, author: 'bob' }, { text: 'second', size: 2n ** 60n });
    writer.manifests.put({ type: 'other', author: 'ann' }, { text: 'third' });
    const expectFound = async (reader: ManifestReader): Promise<void> => {
      expect(await payloads(reader)).toEqual([
        { text: 'first' },
        { text: 'second', size: 2n ** 60n },
      ]);
      expect(await payloads(reader, { author: 'ann' })).toEqual([
        { text: 'first' },
        { text: 'third' },
      ]);
      expect(await payloads(reader, { type: 'none' })).toEqual([]);
      expect(await payloads(reader, {})).toHaveLength(3);
    };
    await expectFound(writer.manifests);
    expect(await payloads(await openReader(world))).toEqual([]);
    await writer.flush();
    await expectFound(writer.manifests);
    await expectFound(await openReader(world));
    expect(await manifestContents(world)).toHaveLength(1);
  });

  it('that are deleted are gone for everybody, with a tombstone that is later, whatever the clock says', async () => {
    const world = await createContentWorld({ version });
    const writer = await openWriter(world);
    const id = writer.manifests.put(NOTE, { text: 'short-lived' });
    const [{ modified } = { modified: 0n }] = await writer.manifests.find(NOTE);
    await writer.flush();
    // A client whose clock is behind.
    const client = await world.openClient();
    const contents = client.newWriter();
    const behind = new ManifestWriter(contents, {
      compressors: client.compressors,
      clock: () => modified - 10n ** 12n,
      random: seededRandomSource(99),
    });
    await behind.delete(id);
    await behind.delete(id);
    await behind.writePending();
    await contents.flush();
    const reader = await openReader(world);
    expect(await reader.find(NOTE)).toEqual([]);
    await expect(reader.get(id)).rejects.toMatchObject({
      code: 'MANIFEST_NOT_FOUND',
      facts: { manifestID: id },
    });
    const tombstone = [...client.committed.iterateContents({ prefix: 'm' })].at(-1);
    expect(tombstone).toBeDefined();
    const all = await Promise.all(
      [...client.committed.iterateContents({ prefix: 'm' })].map(async ({ contentID }) =>
        parseManifestContent(
          await client.committed.getContent(contentID),
          client.compressors,
          contentID,
        ),
      ),
    );
    expect(all.flat().find(({ deleted }) => deleted)).toEqual({
      id,
      labels: {},
      modified: modified + 1n,
      deleted: true,
      payload: 'null',
    });
  });

  it('that are replaced leave one, and those with further labels alone', async () => {
    const world = await createContentWorld({ version });
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, { text: 'one' });
    writer.manifests.put(NOTE, { text: 'two' });
    writer.manifests.put({ ...NOTE, author: 'ann' }, { text: 'hers' });
    await writer.flush();
    await writer.manifests.replace(NOTE, { text: 'three' });
    expect(await payloads(writer.manifests)).toEqual([{ text: 'hers' }, { text: 'three' }]);
    await writer.flush();
    expect(await payloads(await openReader(world))).toEqual([{ text: 'hers' }, { text: 'three' }]);
  });
});

describe('a manifest', () => {
  it('needs a type', async () => {
    const { manifests } = await openWriter(await createContentWorld());
    expect(() => manifests.put({ author: 'ann' }, {})).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('that is put and deleted before a flush was never there', async () => {
    const world = await createContentWorld();
    const writer = await openWriter(world);
    await writer.manifests.delete(writer.manifests.put(NOTE, {}));
    await writer.flush();
    expect(await (await openReader(world)).find({})).toEqual([]);
  });

  it('that was put while another flush runs goes with the next', async () => {
    const world = await createContentWorld();
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, { text: 'first' });
    const flushing = writer.flush();
    await Promise.resolve();
    writer.manifests.put(NOTE, { text: 'second' });
    await flushing;
    await writer.flush();
    expect(await payloads(await openReader(world))).toEqual([
      { text: 'first' },
      { text: 'second' },
    ]);
  });

  it('that was not flushed is dropped when it is given up', async () => {
    const world = await createContentWorld();
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, {});
    writer.manifests.abandon();
    await writer.flush();
    expect(await manifestContents(world)).toEqual([]);
  });

  it('of the latest time wins, wherever it is stored', async () => {
    const world = await createContentWorld();
    const writer = await openWriter(world);
    const id = parseManifestID('00112233445566778899aabbccddeeff');
    const entry = { id, labels: NOTE, deleted: false };
    for (const [modified, text] of [
      [5n, 'old'],
      [9n, 'new'],
      [7n, 'between'],
    ] as const) {
      const content = encodeManifestContent(
        [{ ...entry, modified, payload: JSON.stringify({ text }) }],
        writer.client.compressors,
      );
      await writer.contents.writeContent(content, { prefix: 'm' });
    }
    expect(await payloads(writer.manifests)).toEqual([{ text: 'new' }]);
  });
});

/** So many manifest contents with one manifest each. */
async function worldWithMany(count: number): Promise<ContentWorld> {
  const world = await createContentWorld();
  await flushMany(world, count);
  return world;
}

async function flushMany(world: ContentWorld, count: number, first = 0): Promise<void> {
  for (let number = first; number < first + count; number++) {
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, { number });
    await writer.flush();
  }
}

/** Of what a writer merges that finds enough manifest contents. */
async function tombstonesAfterMerge(world: ContentWorld): Promise<number> {
  const labels = { type: 'filler' };
  for (let flush = 0; flush < 17; flush++) {
    const writer = await openWriter(world);
    writer.manifests.put(labels, {});
    await writer.flush();
  }
  const { committed, compressors } = await world.openClient();
  let tombstones = 0;
  for (const contentID of await manifestContents(world)) {
    const content = await committed.getContent(parseContentID(contentID));
    for (const { deleted } of parseManifestContent(content, compressors, contentID)) {
      if (deleted) tombstones += 1;
    }
  }
  return tombstones;
}

describe('merging manifest contents', () => {
  it('happens at the first flush that finds sixteen of them, and loses nothing', async () => {
    const world = await worldWithMany(16);
    expect(await manifestContents(world)).toHaveLength(16);
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, { number: 16 });
    await writer.flush();
    expect(await manifestContents(world)).toHaveLength(1);
    expect(await payloads(await openReader(world))).toEqual(
      Array.from({ length: 17 }, (_, number) => ({ number })),
    );
    expect(await payloads(writer.manifests)).toHaveLength(17);
    writer.manifests.put(NOTE, { number: 17 });
    await writer.flush();
    expect(await manifestContents(world)).toHaveLength(2);
  });

  it('does not happen below that', async () => {
    const world = await worldWithMany(15);
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, {});
    await writer.flush();
    expect(await manifestContents(world)).toHaveLength(16);
  });

  it('counts in one commit with the deletion of what was merged', async () => {
    const world = await worldWithMany(16);
    const before = await world.blobIDs('xn');
    const writer = await openWriter(world);
    writer.manifests.put(NOTE, {});
    await writer.flush();
    const [added, ...more] = (await world.blobIDs('xn')).filter((id) => !before.includes(id));
    expect(added).toBeDefined();
    expect(more).toEqual([]);
  });

  it('does not bring back what is deleted by the same flush, nor lets another client bring it back', async () => {
    const world = await worldWithMany(16);
    // Both see sixteen contents, and merge them.
    const [first, second] = [await openWriter(world), await openWriter(world)];
    const [victim] = await first.manifests.find(NOTE);
    second.manifests.put(NOTE, { number: 100 });
    await first.manifests.delete(victim!.id);
    await first.flush();
    expect(await payloads(await openReader(world))).toHaveLength(15);
    await second.flush();
    const left = await payloads(await openReader(world));
    expect(left).toHaveLength(16);
    expect(left).not.toContainEqual({ number: 0 });
  });

  it('does not let a client bring back what was deleted after it looked, though others have merged since', async () => {
    const world = await worldWithMany(16);
    const late = await openWriter(world);
    late.manifests.put(NOTE, { number: 100 });
    const [victim] = await late.manifests.find(NOTE);
    const deleting = await openWriter(world);
    deleting.manifests.put(NOTE, { number: 101 });
    await deleting.flush();
    await deleting.manifests.delete(victim!.id);
    await deleting.flush();
    await flushMany(world, 14, 200);
    const merging = await openWriter(world);
    merging.manifests.put(NOTE, { number: 102 });
    await merging.flush();
    expect(await manifestContents(world)).toHaveLength(1);
    await late.flush();
    expect(await payloads(await openReader(world))).not.toContainEqual({ number: 0 });
  });

  it('keeps tombstones no longer than a session may last', async () => {
    const world = await worldWithMany(3);
    const writer = await openWriter(world);
    const [victim] = await writer.manifests.find(NOTE);
    await writer.manifests.delete(victim!.id);
    await writer.flush();
    expect(await tombstonesAfterMerge(world)).toBe(1);
    world.time.advance(97n * 3_600_000_000_000n);
    expect(await tombstonesAfterMerge(world)).toBe(0);
    expect(await payloads(await openReader(world))).not.toContainEqual({ number: 0 });
  });

  it('passes over contents that another client has merged meanwhile', async () => {
    const world = await worldWithMany(16);
    const writer = await openWriter(world);
    await writer.manifests.find(NOTE);
    const other = await openWriter(world);
    other.manifests.put(NOTE, { number: 100 });
    await other.flush();
    writer.manifests.put(NOTE, { number: 101 });
    const writing = writer.manifests.writePending();
    await writer.contents.refresh();
    await writing;
    await writer.contents.flush();
    expect(await payloads(await openReader(world))).toHaveLength(18);
  });

  it('takes what is put while it runs along, or leaves it to the next flush', async () => {
    for (const ticks of [0, 1, 2, 3, 5, 7, 10, 15, 20]) {
      const world = await worldWithMany(16);
      const writer = await openWriter(world);
      writer.manifests.put(NOTE, { number: 16 });
      const flushing = writer.flush();
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      const id = writer.manifests.put(NOTE, { number: 17 });
      if (ticks % 2 === 1) await writer.manifests.delete(id);
      await flushing;
      await writer.flush();
      expect(await payloads(await openReader(world))).toHaveLength(ticks % 2 === 1 ? 17 : 18);
    }
  });
});

it('a reader with a cache fetches manifest contents once', async () => {
  const world = await createContentWorld();
  const writer = await openWriter(world);
  writer.manifests.put(NOTE, { text: 'cached' });
  await writer.flush();
  const cache = createMemoryCache(1_000_000);
  const first = await openWriter(world, cache);
  expect(await payloads(first.manifests)).toEqual([{ text: 'cached' }]);
  for (const id of await world.blobIDs('q')) {
    world.storage.addFault({
      operation: 'get',
      idPrefix: id,
      times: 100,
      fault: { kind: 'error-before' },
    });
  }
  const second = await openWriter(world, cache);
  expect(await payloads(second.manifests)).toEqual([{ text: 'cached' }]);
});

describe('a manifest content', () => {
  const id = parseManifestID('9dbf9da3673b54bc59354c490583370e');

  it('is gzip of the JSON that Kopia writes', async () => {
    const { compressors } = await (await createContentWorld()).openClient();
    const content = encodeManifestContent(
      [
        {
          id,
          labels: { type: 'policy', policyType: 'global' },
          modified: 1_795_406_967_574_045_380n,
          deleted: false,
          payload: '{"a":"\\u003c"}',
        },
        { id, labels: {}, modified: 1n, deleted: true, payload: 'null' },
      ],
      compressors,
    );
    const text = new TextDecoder().decode(
      compressors.byName('gzip').decompress(content, 10_000, 'test'),
    );
    expect(text).toBe(
      '{"entries":[{"id":"9dbf9da3673b54bc59354c490583370e","labels":{"policyType":"global","type":"policy"},' +
        '"modified":"2026-11-23T04:09:27.57404538Z","data":{"a":"\\u003c"}},' +
        '{"id":"9dbf9da3673b54bc59354c490583370e","labels":null,"modified":"1970-01-01T00:00:00.000000001Z","deleted":true,"data":null}]}\n',
    );
  });

  it.each([
    ['no gzip', undefined],
    ['no JSON', 'entries'],
    ['entries that are no list', '{"entries":{}}'],
    [
      'an entry without an ID',
      '{"entries":[{"modified":"2026-11-23T04:09:27Z","labels":{},"data":{}}]}',
    ],
    [
      'an ID that is none',
      '{"entries":[{"id":"xyz","modified":"2026-11-23T04:09:27Z","labels":{},"data":{}}]}',
    ],
    ['no time', `{"entries":[{"id":"${id}","labels":{},"data":{}}]}`],
    [
      'a time that is none',
      `{"entries":[{"id":"${id}","modified":"yesterday","labels":{},"data":{}}]}`,
    ],
    [
      'labels that are no text',
      `{"entries":[{"id":"${id}","modified":"2026-11-23T04:09:27Z","labels":{"a":1},"data":{}}]}`,
    ],
    [
      'labels that are a list',
      `{"entries":[{"id":"${id}","modified":"2026-11-23T04:09:27Z","labels":[],"data":{}}]}`,
    ],
  ])('with %s is damage', async (_, json) => {
    const { compressors } = await (await createContentWorld()).openClient();
    const content =
      json === undefined
        ? encodeUtf8('plain')
        : compressors.byName('gzip').compress!(encodeUtf8(json));
    expect(() => parseManifestContent(content, compressors, 'manifest content')).toThrow(
      expect.objectContaining({ code: 'CORRUPT_DATA' }),
    );
  });
});
