import { type Command, Option } from 'commander'

interface Options {
  readonly bind: string
  readonly output?: string
}

export function register(program: Command): void {
  program
    .command('haproxy')
    .description('write a configuration of HAProxy that stands before the instances of serving (`services.serving.instances`)')
    .addOption(new Option('--bind <address>', 'where HAProxy listens').default('127.0.0.1:8010'))
    .option('--output <file>', 'file to write (default: standard output)')
    .action(write)
}

async function write({ bind, output }: Options): Promise<void> {
  const [{ haproxyConfig }, { loadProject }] = await Promise.all([import('./haproxy-config.ts'), import('./project.ts')])
  const text = haproxyConfig(loadProject().config, bind)
  if (output === undefined) return void process.stdout.write(text)
  const { writeFileDurable } = await import('../platform/fs/index.ts')
  writeFileDurable(output, text)
}
