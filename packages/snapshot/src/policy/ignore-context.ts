import { decodeGoUtf8 } from '@longshore/repo';
import type { EntryMetadata } from '../entry.ts';
import { ignoreFileRules, parseIgnoreRule, type IgnoreRule } from './ignore-rules.ts';
import type { Policy } from './policy.ts';

/** What decides about the entries of one directory, besides the contexts above it. */
export interface DirectoryRules {
  /** Relative to the snapshot root, with `/`; the root is the empty string. */
  readonly path: string;
  /** The policy of the directory's own node in the policy tree; undefined if it inherits one. */
  readonly definedPolicy: Policy | undefined;
  /**
   * The contents of those {@link IgnoreContext.ignoreFileNames} that are regular files of this directory, or
   * symlinks to one, in the order of the names.
   */
  readonly ignoreFiles: readonly Uint8Array[];
}

/** Why an entry is left out. Kopia counts only what a rule excludes. */
export type Exclusion = 'rule' | 'size' | 'device';

export type ExclusionCandidate = Pick<EntryMetadata, 'size' | 'device'> & { readonly type: string };

/**
 * The rules that decide about the entries of a directory. One that has neither a policy nor an ignore file of
 * its own shares the context of its parent. Source: docs/format/policy.md.
 */
export class IgnoreContext {
  /** The context above the snapshot root: excludes nothing. */
  static readonly EMPTY: IgnoreContext = new IgnoreContext(undefined, [], [], 0, false);

  readonly #parent: IgnoreContext | undefined;
  readonly #rules: readonly IgnoreRule[];
  readonly #ignoreFileNames: readonly string[];
  readonly #maxFileSize: number;
  readonly #oneFileSystem: boolean;

  private constructor(
    parent: IgnoreContext | undefined,
    rules: readonly IgnoreRule[],
    ignoreFileNames: readonly string[],
    maxFileSize: number,
    oneFileSystem: boolean,
  ) {
    this.#parent = parent;
    this.#rules = rules;
    this.#ignoreFileNames = ignoreFileNames;
    this.#maxFileSize = maxFileSize;
    this.#oneFileSystem = oneFileSystem;
  }

  /** True if no entry can be left out, whatever it is called and however large it is. */
  get excludesNothing(): boolean {
    const isPlain = this.#rules.length === 0 && this.#maxFileSize <= 0 && !this.#oneFileSystem;
    return isPlain && (this.#parent?.excludesNothing ?? true);
  }

  /** Names of the files that hold more rules in a directory below this context. */
  ignoreFileNames(definedPolicy: Policy | undefined): readonly string[] {
    if (definedPolicy === undefined) return this.#ignoreFileNames;
    return definedPolicy.files.ignoreDotFiles ?? [];
  }

  /** The context of a directory below this one. INVALID_ARGUMENT if one of its rules is malformed. */
  enter(directory: DirectoryRules): IgnoreContext {
    const { definedPolicy, ignoreFiles } = directory;
    if (definedPolicy === undefined && ignoreFiles.length === 0) return this;
    const base = directory.path === '' ? '' : `/${directory.path}`;
    const texts = [
      ...(definedPolicy?.files.ignore ?? []),
      ...ignoreFiles.flatMap((content) => ignoreFileRules(decodeGoUtf8(content))),
    ];
    return new IgnoreContext(
      this,
      texts.map((text) => parseIgnoreRule(text, base)),
      this.ignoreFileNames(definedPolicy),
      definedPolicy?.files.maxFileSize || this.#maxFileSize,
      definedPolicy === undefined
        ? this.#oneFileSystem
        : (definedPolicy.files.oneFileSystem ?? false),
    );
  }

  /**
   * Why the entry at `path`, relative to the snapshot root, is left out; undefined if it is stored.
   * `parentDevice` is that of the directory that holds it.
   */
  exclusion(entry: ExclusionCandidate, path: string, parentDevice: bigint): Exclusion | undefined {
    if (this.#excludesByRule(`/${path}`, entry.type === 'd')) return 'rule';
    if (this.#maxFileSize > 0 && entry.type !== 'd' && entry.size > this.#maxFileSize) {
      return 'size';
    }
    return this.#oneFileSystem && entry.device !== parentDevice ? 'device' : undefined;
  }

  /** A plain rule is consulted while the entry is stored, a negated one while it is excluded. */
  #excludesByRule(path: string, isDirectory: boolean): boolean {
    let excluded = this.#parent !== undefined && this.#parent.#excludesByRule(path, isDirectory);
    for (const rule of this.#rules) {
      if (rule.negated === excluded) excluded = rule.excludes(path, isDirectory);
    }
    return excluded;
  }
}
