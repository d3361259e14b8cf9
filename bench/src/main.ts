import { parseCommand, UsageError } from './arguments.ts';
import { HELP } from './commands/help.ts';
import { listCommand } from './commands/list.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand, type Output } from './commands/run.ts';

const output: Output = {
  print: (text) => void process.stdout.write(text),
  log: (text) => void process.stderr.write(`${text}\n`),
};

async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = parseCommand(argv);
    switch (command.kind) {
      case 'help':
        output.print(HELP);
        return 0;
      case 'list':
        return listCommand(output);
      case 'report':
        return reportCommand(command.options, output);
      case 'run':
        return await runCommand(command.options, output);
      case 'auto': {
        const { autoCommand } = await import('./commands/auto.ts');
        return await autoCommand(command.options, output);
      }
      case 'estimate': {
        const { estimateCommand } = await import('./commands/estimate.ts');
        return await estimateCommand(command.options, output);
      }
      default:
        return command satisfies never;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.log(`bench: ${error.message}`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
