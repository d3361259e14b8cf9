import { describe, expect, it } from 'vitest';
import { VersionsAt, type ObjectVersion } from './s3-versions.ts';

function version(
  key: string,
  time: number,
  options: { readonly deleted?: boolean; readonly latest?: boolean } = {},
): ObjectVersion {
  const { deleted = false, latest = false } = options;
  const versionID = `${key}@${time}${deleted ? '-' : ''}`;
  return { key, versionID, time, length: deleted ? undefined : time, isLatest: latest };
}

function at(moment: number, ...versions: readonly ObjectVersion[]): readonly string[] {
  const view = new VersionsAt(moment);
  for (const each of versions) view.add(each);
  return Array.from(view.take(undefined), ({ versionID }) => versionID).sort();
}

describe('the objects of a moment', () => {
  it('are the newest versions that are no newer', () => {
    const versions = [version('a', 30), version('a', 20), version('a', 10), version('b', 40)];
    expect(at(9, ...versions)).toEqual([]);
    expect(at(10, ...versions)).toEqual(['a@10']);
    expect(at(29, ...versions)).toEqual(['a@20']);
    expect(at(100, ...versions)).toEqual(['a@30', 'b@40']);
  });

  it('lack what was deleted by then, and have what was deleted later or put again', () => {
    const deleted = version('a', 20, { deleted: true });
    const versions = [version('a', 10), deleted, version('a', 30)];
    expect(at(19, ...versions)).toEqual(['a@10']);
    expect(at(20, ...versions)).toEqual([]);
    expect(at(30, ...versions)).toEqual(['a@30']);
  });

  it('have what was put and deleted within one tick of the clock only if something came after it', () => {
    const put = version('a', 10);
    const deleted = version('a', 10, { deleted: true });
    for (const versions of [
      [put, deleted],
      [deleted, put],
    ]) {
      expect(at(10, ...versions)).toEqual(['a@10']);
    }
    const last = version('a', 10, { deleted: true, latest: true });
    expect(at(10, put, last)).toEqual([]);
    expect(at(10, last, put)).toEqual([]);
  });

  it('are those of the first of two versions of one time, which is the newer', () => {
    const older = { ...version('a', 10), versionID: 'older' };
    expect(at(10, version('a', 10), older)).toEqual(['a@10']);
  });

  it('are told once all versions of their key have come', () => {
    const view = new VersionsAt(100);
    for (const each of [version('a', 1), version('b', 90)]) view.add(each);
    expect(Array.from(view.take('b'), ({ key }) => key)).toEqual(['a']);
    view.add(version('b', 95, { deleted: true }));
    view.add(version('c', 5));
    expect(Array.from(view.take(undefined), ({ key }) => key)).toEqual(['c']);
    expect([...view.take(undefined)]).toEqual([]);
  });
});
