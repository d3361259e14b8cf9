import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from './markdown.ts';

const tracked: readonly string[] = execFileSync('git', ['ls-files', '-z'], {
  cwd: PROJECT_ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(PROJECT_ROOT, path)));
const code = tracked.filter(
  (path) => /\.(ts|js)$/.test(path) && !path.startsWith('test/fixtures/'),
);
const sources = code.filter((path) => /^packages\/[^/]+\/src\//.test(path));
const isTest = (path: string): boolean => /\.(test|contract)\.ts$/.test(path);
/** Runs wherever web globals are: everything in `src` but the parts for Node, and programs for Node as a whole. */
const core = sources.filter(
  (path) =>
    /^packages\/(chunker|repo|snapshot)\//.test(path) &&
    !/\/src\/node\//.test(path) &&
    !isTest(path),
);

function read(path: string): string {
  return readFileSync(join(PROJECT_ROOT, path), 'utf8');
}

const blanked = new Map<string, string>();

/** The code of a file without what it says in comments, texts and patterns; lines stay where they are. */
function bareCode(path: string): string {
  const known = blanked.get(path);
  if (known !== undefined) return known;
  const parts =
    /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!?&|]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/\w*/g;
  const bare = read(path).replace(parts, (part) => part.replaceAll(/[^\n]/g, ' '));
  blanked.set(path, bare);
  return bare;
}

/** `path:line: text` of each line in which `pattern` is found. */
function findLines(
  paths: readonly string[],
  pattern: RegExp,
  textOf: (path: string) => string,
): string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}

interface Import {
  readonly from: string;
  readonly specifier: string;
}

function importsOf(path: string): readonly Import[] {
  const specifiers = read(path).matchAll(
    /(?:^|\n)(?:import|export)\b[^'";]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)|(?:^|\n)import '([^']+)'/g,
  );
  return Array.from(specifiers, ([, named, dynamic, bare]) => ({
    from: path,
    specifier: named ?? dynamic ?? bare!,
  }));
}

/** What each package may import of the others. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  chunker: [],
  repo: ['chunker'],
  snapshot: ['chunker', 'repo'],
  cli: ['chunker', 'repo', 'snapshot'],
  agent: ['chunker', 'repo', 'snapshot', 'cli'],
};

/**
 * The layers of `packages/repo/src`: a file or folder imports what stands in its own line or in one above it.
 * Types count. Source: ARCHITECTURE.md.
 */
const REPO_LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'bytes.ts', 'clock.ts', 'memory-plan.ts'],
  ['blob', 'parallel.ts'],
  ['compression', 'hashing', 'encryption', 'ecc', 'kernels', 'algorithms.ts'],
  ['format'],
  ['portable-algorithms.ts', 'epoch'],
  ['content'],
  ['object', 'manifest', 'repository-contract.ts'],
  ['repository.ts', 'index-inspector.ts'],
  ['heal', 'maintenance', 'open.ts', 'survey', 'upgrade'],
  ['create.ts', 'prefetch.ts', 'sync', 'verification'],
  ['index.ts', 'testing.ts', 'node'],
];

/** Neighbours of one line that must not know each other. */
const STRANGERS: readonly (readonly [string, string])[] = [
  ['object', 'manifest'],
  ['manifest', 'object'],
  ['repository-contract.ts', 'manifest'],
  ['hashing', 'encryption'],
  ['compression', 'encryption'],
];

const REPO = 'packages/repo/src/';

function repoPart(path: string): string {
  return path.slice(REPO.length).split('/')[0]!;
}

function layerOf(part: string): number {
  return REPO_LAYERS.findIndex((parts) => parts.includes(part));
}

describe('layers', () => {
  it('import only packages that stand below them', () => {
    const wrong = sources
      .filter((path) => !isTest(path))
      .flatMap(importsOf)
      .filter(({ from, specifier }) => {
        const [, target] = /^@longshore\/([^/]+)/.exec(specifier) ?? [];
        const [, own] = /^packages\/([^/]+)/.exec(from)!;
        return target !== undefined && !PACKAGES[own!]?.includes(target);
      });
    expect(wrong).toEqual([]);
  });

  it('of the repository know only what stands before them', () => {
    const files = sources.filter((path) => path.startsWith(REPO) && !isTest(path));
    expect(files.map(repoPart).filter((part) => layerOf(part) < 0)).toEqual([]);
    const wrong = files.flatMap(importsOf).filter(({ from, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const [own, target] = [repoPart(from), repoPart(normalize(join(dirname(from), specifier)))];
      if (own === target) return false;
      return (
        layerOf(target) > layerOf(own) ||
        STRANGERS.some(([one, other]) => one === own && other === target)
      );
    });
    expect(wrong).toEqual([]);
  });

  it('of indexes, index blobs and epochs are tested and used without what rests on them', () => {
    const below: Readonly<Record<string, RegExp>> = {
      'packages/repo/src/epoch/': /\/(content|object|manifest)\//,
      'packages/repo/src/content/index/':
        /\/(epoch|content\/indexblob|object|manifest)\/|content-manager|session-contents/,
      'packages/repo/src/content/indexblob/':
        /\/(object|manifest)\/|content-manager|session-contents|pack-writer/,
    };
    const wrong = Object.entries(below).flatMap(([folder, forbidden]) =>
      sources
        .filter((path) => path.startsWith(folder) && !isTest(path))
        .flatMap(importsOf)
        .filter(({ specifier }) => forbidden.test(specifier)),
    );
    expect(wrong).toEqual([]);
  });

  it('of the core take nothing from Node, by import or by name', () => {
    expect(core.length).toBeGreaterThan(150);
    expect(
      core.flatMap(importsOf).filter(({ specifier }) => /^node:|\/node\//.test(specifier)),
    ).toEqual([]);
    expect(findLines(core, /\b(Buffer|process|require|__dirname)\b/, bareCode)).toEqual([]);
  });

  it('of the core read no clock and no chance by themselves', () => {
    const allowed = new Set(['packages/repo/src/clock.ts']);
    const paths = core.filter((path) => !allowed.has(path));
    const ambient =
      /\bDate\.now\(|\bperformance\.now\(|\bMath\.random\(|\bnew Date\(\)|\bcrypto\.getRandomValues\(/;
    expect(findLines(paths, ambient, bareCode)).toEqual([]);
  });
});

describe('code', () => {
  it('runs all of its tests', () => {
    expect(findLines(code.filter(isTest), /\b(describe|it|test)\.only\b/, bareCode)).toEqual([]);
  });

  it('promises nothing for later without an issue that says what', () => {
    const mark = new RegExp(
      `\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${'X'.repeat(3)})\\b(?!\\(#\\d+\\))`,
    );
    expect(findLines(code, mark, read)).toEqual([]);
  });

  it('has types for everything', () => {
    expect(findLines(code, /(?::|<|\bas|\||&|=>)\s*any\b/, bareCode)).toEqual([]);
    expect(
      findLines(code, /@ts-(ignore|nocheck)/, read).filter(
        (line) => !line.startsWith('test/tidy.test.ts'),
      ),
    ).toEqual([]);
  });

  it('lists by hand what it exports', () => {
    expect(findLines(code, /\bexport \*/, bareCode)).toEqual([]);
  });

  it('stands in files that are named in kebab case by what they define', () => {
    const names = code.map((path) => basename(path));
    expect(
      names.filter(
        (name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.(ts|js)$/.test(name),
      ),
    ).toEqual([]);
    expect(
      code.filter((path) => /\/(utils?|helpers?|common|types|misc|shared)\.ts$/.test(path)),
    ).toEqual([]);
  });
});

/** GitHub's name of a heading. */
function slugOf(heading: string): string {
  return heading
    .replaceAll('`', '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

function anchorsOf(page: string): ReadonlySet<string> {
  const headings = read(page)
    .replaceAll(/^```[^]*?^```/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(Array.from(headings, ([, heading]) => slugOf(heading!)));
}

describe('documents', () => {
  const pages = tracked.filter((path) => path.endsWith('.md'));

  it('link to pages, files and headings that are there', () => {
    expect(pages.length).toBeGreaterThan(10);
    const broken = pages.flatMap((page) => {
      const links = read(page)
        .replaceAll(/^```[^]*?^```/gm, '')
        .matchAll(/\]\((?!\w+:)([^)\s]*)\)/g);
      return Array.from(links, ([, link]) => link!)
        .filter((link) => {
          const [path = '', anchor] = link.split('#');
          const target = path === '' ? page : normalize(join(dirname(page), path));
          if (!existsSync(join(PROJECT_ROOT, target))) return true;
          return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
        })
        .map((link) => `${page}: ${link}`);
    });
    expect(broken).toEqual([]);
  });
});

describe('tracked files', () => {
  it('say nothing of the machine on which they were written, nor of a package registry', () => {
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['registry', 'yarnpkg', 'com'],
      ['npm', 'pkg', 'github', 'com'],
    ];
    // A checkout right below one of these has no path of its own to look for.
    const everywhere = ['/', '/tmp', '/var/tmp', '/home', '/root', '/opt', '/srv', '/mnt', '/data'];
    const parent = dirname(PROJECT_ROOT);
    const forbidden = [
      ...(everywhere.includes(parent) ? [] : [`${parent}/`]),
      ...hosts.map((labels) => labels.join('.')),
    ];
    const text = tracked.filter(
      (path) =>
        /\.(ts|js|md|json|jsonc|yaml)$|^\.ci\//.test(path) || basename(path).startsWith('.'),
    );
    const found = text.flatMap((path) =>
      forbidden.filter((word) => read(path).includes(word)).map((word) => `${path}: ${word}`),
    );
    expect(found).toEqual([]);
  });
});
