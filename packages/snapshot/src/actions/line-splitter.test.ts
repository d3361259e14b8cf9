import { encodeUtf8 } from '@longshore/repo';
import { array, assert, constantFrom, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function linesOf(
  chunks: readonly string[],
  maxLength = 1000,
): readonly (readonly [string, boolean])[] {
  const lines: (readonly [string, boolean])[] = [];
  const splitter = new LineSplitter(maxLength, (line, isCut) => lines.push([line, isCut]));
  for (const chunk of chunks) splitter.add(encodeUtf8(chunk));
  splitter.end();
  return lines;
}

describe('lines of a program', () => {
  it('end at newlines, with or without a carriage return, and at the end', () => {
    expect(linesOf(['a\r\nb\n\nlast']).map(([line]) => line)).toEqual(['a', 'b', '', 'last']);
    expect(linesOf(['a\n'])).toHaveLength(1);
  });

  it('are the same however the output arrives', () => {
    const text = array(constantFrom('a', 'ü', '\n', '=', '\r')).map((all) => all.join(''));
    assert(
      property(text, integer({ min: 1, max: 5 }), (output, size) => {
        const bytes = encodeUtf8(output);
        const lines: string[] = [];
        const splitter = new LineSplitter(1000, (line) => lines.push(line));
        for (let i = 0; i < bytes.length; i += size) splitter.add(bytes.subarray(i, i + size));
        splitter.end();
        expect(lines).toEqual(linesOf([output]).map(([line]) => line));
      }),
    );
  });

  it('are cut where they are too long, and the next one is whole again', () => {
    expect(linesOf(['abc', 'defgh', 'ij\nkl\n'], 4)).toEqual([
      ['abcd', true],
      ['kl', false],
    ]);
  });
});
