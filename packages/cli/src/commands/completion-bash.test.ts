import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionWords } from '../completion-words.ts';
import { bashCompletion } from './completion-bash.ts';

async function complete(...lines: readonly (readonly string[])[]): Promise<readonly string[]> {
  const asked = lines.map((line) => {
    const words = ['longshore', ...line].map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${words}); COMP_CWORD=${line.length}; _longshore; echo "\${COMPREPLY[*]}"`;
  });
  const script = [bashCompletion(await completionWords()), ...asked].join('\n');
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
}

describe('completion in bash', () => {
  it('knows commands and flags wherever they stand on the line', async () => {
    const offered = await complete(
      ['snap'],
      ['snapshot', 'cr'],
      ['snapshot', 'create', '--desc'],
      ['snapshot', 'create', '/data', '--al'],
      ['--no-progress', 'maint'],
    );
    expect(offered).toEqual(['snapshot', 'create', '--description=', '--all', 'maintenance']);
  });
});
