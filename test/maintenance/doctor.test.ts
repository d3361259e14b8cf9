import { parseBlobID, type BlobID } from '@longshore/repo';
import { diagnoseRepository, type Finding } from '@longshore/snapshot';
import { beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR, uniqueText, VirtualRepository } from './virtual-repository.ts';

let virtual: VirtualRepository;

beforeEach(async () => {
  virtual = await VirtualRepository.create();
  await virtual.snapshot({ a: uniqueText('a') });
});

async function findings(): Promise<readonly Finding[]> {
  await using repository = await virtual.open('doctor');
  return diagnoseRepository(repository);
}

async function idsOfFindings(): Promise<readonly string[]> {
  return (await findings()).map(({ id }) => id);
}

async function only(id: string): Promise<Finding> {
  const found = (await findings()).filter((finding) => finding.id === id);
  expect(found).toHaveLength(1);
  return found[0]!;
}

async function firstBlob(prefix: string): Promise<BlobID> {
  return parseBlobID((await virtual.names(prefix))[0]!);
}

describe('the doctor', () => {
  it('has nothing to say about a repository that is well', async () => {
    await virtual.maintain();
    virtual.time.advance(HOUR);
    expect(await findings()).toEqual([]);
  });

  it('notes that maintenance never ran, and warns when its owner is gone', async () => {
    expect(await only('maintenance-never-ran')).toMatchObject({ severity: 'note' });
    await virtual.maintain();
    virtual.time.advance(2n * DAY);
    expect(await idsOfFindings()).toEqual([]);
    virtual.time.advance(2n * DAY);
    const finding = await only('maintenance-overdue');
    expect(finding.cause).toBe(
      'owner@host owns maintenance, but full maintenance is overdue since 2024-01-02 00:00 UTC: that client is gone, off or failing.',
    );
    expect(finding.remedy).toContain('maintenance set --owner=me');
  });

  it('warns of maintenance that nobody owns or that is switched off', async () => {
    virtual = await VirtualRepository.create({
      parameters: { owner: '', full: { enabled: false, intervalNanoseconds: DAY } },
    });
    expect(await idsOfFindings()).toEqual([
      'maintenance-without-owner',
      'full-maintenance-disabled',
    ]);
  });

  it('puts packs that are missing first, with what they hold', async () => {
    await using repository = await virtual.open();
    const [content] = repository.contents.iterateContents({ prefix: '' });
    await virtual.storage.deleteBlob(content!.packBlobID);
    const [first] = await findings();
    expect(first).toMatchObject({ id: 'missing-packs', severity: 'error' });
    expect(first!.cause).toContain(content!.packBlobID);
    expect(first!.effect).toMatch(/^Contents of \d+ B cannot be read/);
  });

  it('names blobs without bytes, and a session marker that cannot be read', async () => {
    const session = parseBlobID(`s${'a'.repeat(32)}-s${'b'.repeat(16)}147`);
    await virtual.storage.putBlob(session, new Uint8Array());
    const finding = await only('empty-blobs');
    expect(finding.cause).toContain(session);
    expect((await only('unreadable-session')).cause).toContain(session);
  });

  it('says when space that is not free yet will be', async () => {
    const expired = await virtual.snapshot({ b: uniqueText('b') });
    const killed = (await virtual.open('writer')).newWriter();
    await killed.writeObject(new TextEncoder().encode(uniqueText('lost')));
    await virtual.deleteSnapshot(expired);
    virtual.time.advance(2n * DAY);
    await virtual.maintain();
    const deleted = await only('deleted-contents');
    expect(deleted.cause).toMatch(/^2 contents are marked deleted, .* B in all/);
    expect(deleted.remedy).toContain('about 2024-01-05 00:00 UTC');
    const unreferenced = await only('unreferenced-packs');
    expect(unreferenced.remedy).toContain('full maintenance after 2024-01-04 00:00 UTC');
  });

  it('reports sessions that were cut short four days ago', async () => {
    const killed = (await virtual.open('writer')).newWriter();
    await killed.writeObject(new TextEncoder().encode(uniqueText('lost')));
    virtual.time.advance(4n * DAY);
    await virtual.snapshot({ c: uniqueText('c') });
    expect((await idsOfFindings()).includes('abandoned-sessions')).toBe(true);
  });

  it('warns of an epoch that nobody ends, and of one that is lost', async () => {
    for (let hour = 0; hour < 25; hour++) {
      virtual.time.advance(HOUR);
      await virtual.snapshot({ hour: `${hour}` });
    }
    expect((await only('epoch-does-not-advance')).cause).toMatch(/^Epoch 0 has \d+ index blobs/);
    await virtual.maintain({ mode: 'quick' });
    expect(await idsOfFindings()).not.toContain('epoch-does-not-advance');
    await virtual.storage.putBlob(parseBlobID('xe3'), new Uint8Array([1]));
    const lost = await only('lost-epochs');
    expect(lost).toMatchObject({ severity: 'error' });
    expect(lost.cause).toContain('(1)');
    for (const name of await virtual.names('xe')) {
      await virtual.storage.deleteBlob(parseBlobID(name));
    }
    const [written] = await virtual.names('xn0_');
    await virtual.storage.putBlob(
      parseBlobID(written!.replace('xn0_', 'xn2_')),
      await virtual.storage.getBlob(parseBlobID(written!)),
    );
    expect((await only('lost-epoch-marker')).cause).toMatch(/^Epoch 2 must have begun/);
  });

  it('warns of more index blobs than shorter epochs would leave, and says how short they may be', async () => {
    await virtual.maintain();
    const [name] = await virtual.names('xn0_');
    const bytes = await virtual.storage.getBlob(parseBlobID(name!));
    const before = (await virtual.names('xn0_')).length;
    for (let n = before; n <= 200; n++) {
      // The same index under names of other sessions: entries that are there twice count once.
      const copy = name!.replace(/-s[0-9a-f]{16}/, `-s${n.toString(16).padStart(16, '0')}`);
      await virtual.storage.putBlob(parseBlobID(copy), bytes);
      if (n === 199) expect(await idsOfFindings()).not.toContain('many-index-blobs');
    }
    const finding = await only('many-index-blobs');
    expect(finding.cause).toBe('201 index blobs count: many commits came faster than epochs end.');
    expect(finding.remedy).toContain('repository set-parameters --epoch-min-duration=60m');
  });

  it('warns of a clock that is behind the storage', async () => {
    const { clock } = virtual.time;
    virtual.storage.setTimestamp(await firstBlob('p'), clock() + 2n * HOUR);
    const finding = await only('clock-skew');
    expect(finding.cause).toMatch(
      /^The clock of this machine differs from that of the storage by \d+ minutes/,
    );
  });

  it('quotes the task that failed', async () => {
    const undo = await virtual.damageDirectory();
    await expect(virtual.maintain()).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    await undo();
    const finding = await only('maintenance-task-failed');
    expect(finding.cause).toMatch(
      /^The task snapshot-gc failed at 2024-01-01 00:00 UTC: snapshot .* content k/,
    );
    expect(finding.remedy).toContain('snapshot verify');
  });

  it('warns of locks that end before the data does', async () => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: 30n * DAY } as const;
    virtual = await VirtualRepository.create({ create: { retention } });
    expect((await only('locks-not-extended')).cause).toContain('30 days');
  });
});
