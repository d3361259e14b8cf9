import { execFileSync } from 'node:child_process';
import { findProgram } from './find-program.ts';
import { kopiaGrammarPeer } from './kopia-grammar.ts';
import type { Peer } from './peer.ts';

export function findKopia(): string | undefined {
  return findProgram('kopia', 'KOPIA_BIN');
}

/** Undefined without the program. It runs without the maintenance that it would start now and then. */
export function kopiaPeer(): Peer | undefined {
  const program = findKopia();
  if (program === undefined) return undefined;
  return kopiaGrammarPeer({
    name: 'kopia',
    version: versionOf(execFileSync(program, ['--version'], { encoding: 'utf8' })),
    program,
    parameters: [],
    flags: ['--no-progress', '--no-use-keyring', '--no-auto-maintenance'],
  });
}

/** Kopia prints `0.23.1 build: 0123… from: kopia/kopia`; one that was built by hand has no number. */
export function versionOf(output: string): string {
  return output.trim().split(' ')[0] ?? output.trim();
}
