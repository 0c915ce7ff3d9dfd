type Child = Bun.Subprocess<'ignore', 'pipe', 'inherit'>;

/** Runs a test program until what it has printed satisfies `enough`, kills it with -9; all that it printed. */
export async function killOnce(child: Child, enough: (printed: string) => boolean): Promise<string> {
  const decoder = new TextDecoder();
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    if (enough(printed)) child.kill('SIGKILL');
  }
  await child.exited;
  return printed;
}

export const lines = (count: number) => (printed: string) => printed.split('\n').length > count;
