import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { CannotRun } from './cannot-run.ts';

/** Reads a contract of YAML by its form. Whatever is wrong is told with the field that it is in. */
export function yamlContract<T>(text: string, where: string, form: z.ZodType<T>): T {
  const parsed = parseDocument(text);
  const [fault] = parsed.errors;
  if (fault)
    throw new CannotRun({ what: fault.message.split('\n')[0] ?? '', where, fix: 'mend the YAML' });
  const read = form.safeParse(parsed.toJS());
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const what = `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not as it is to be'}`;
  throw new CannotRun({ what, where, fix: 'correct that field' });
}
