import { describe, expect, it } from 'vitest';
import { isCronExpression, parseCronExpression } from './cron-expression.ts';

describe('crontab expressions', () => {
  it.each([
    '0 5 * * *',
    '*/15 * * * *',
    '0 9-17/2 * * mon-fri',
    '30 4 1,15 JAN,jul ?',
    '0 0 L,15W,LW * *',
    '0 0 * * 5L,sunL',
    '0 5 * * * 2030',
    '0 0 5 * * * *',
    '0 0 5 * * * * beyond',
    '0 5 ,1,, * *',
    '0 17-9 * * *',
    '@daily',
    '0 5 * * * # each morning',
    '# never',
  ])('take %j', (expression) => {
    expect(isCronExpression(expression)).toBe(true);
  });

  it.each([
    '0 5 * *',
    '60 5 * * *',
    '005 5 * * *',
    '0 24 * * *',
    '0 5 0 * *',
    '0 5 32W * *',
    '0 5 * 13 *',
    '0 5 * janu *',
    '0 5 * * 8',
    '0 5 * * 8L',
    '0 5 * * noday',
    '0 5 * * L',
    '0 1-2-3 * * *',
    '*/0 * * * *',
    '*/60 * * * *',
    '0 5 * * */7',
    '0 5 , * *',
    'L 5 * * *',
    '0 5 * * * 1969',
    '0 5 * * * 30',
    '@never',
    '@DAILY',
  ])('refuse %j', (expression) => {
    expect(isCronExpression(expression)).toBe(false);
    expect(parseCronExpression(expression)).toBeUndefined();
  });

  it('have seconds where there are seven fields, and a year where there are six', () => {
    expect(parseCronExpression('7 8 9 * * * 2030')).toMatchObject({
      seconds: [7],
      minutes: [8],
      hours: [9],
      years: new Set([2030]),
    });
    expect(parseCronExpression('8 9 * * * 2030-2034/2')).toMatchObject({
      seconds: [0],
      minutes: [8],
      hours: [9],
      years: new Set([2030, 2032, 2034]),
    });
  });

  it.each([
    ['sun', [0]],
    ['7', [0]],
    ['0-7', [0, 1, 2, 3, 4, 5, 6]],
    ['5-7', [5, 6]],
    ['mon-sun', [1, 2, 3, 4, 5, 6]],
    ['7-2', [0, 1, 2]],
    ['03', [0]],
    ['2/2', [2, 4, 6]],
  ])('read days of the week as Kopia does: %s', (days, numbers) => {
    const { daysOfWeek } = parseCronExpression(`0 0 * * ${days}`)!;
    expect([...daysOfWeek.days].sort((a, b) => a - b)).toEqual(numbers);
    expect(daysOfWeek.isRestricted).toBe(true);
  });

  it('tell of a range that ends before it begins, which stands for nothing', () => {
    expect(parseCronExpression('0 3,17-9 * * *')).toMatchObject({
      hours: [3],
      hasBackwardRange: true,
    });
    expect(parseCronExpression('0 9-17 * * *')?.hasBackwardRange).toBe(false);
  });
});
