import type { IncomingMessage } from 'node:http';
import type { Body } from './body.ts';
import { Refused } from './errors.ts';
import { parametersIn, type Question } from './question.ts';

/** Moves what a multipart form says into the question; any other body stays as it is. */
export async function mergeForm(
  request: IncomingMessage,
  question: Question,
  body: Body,
): Promise<{ readonly question: Question; readonly body: Body }> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data')) return { question, body };
  if (body.file !== null)
    throw new Refused('NOT_IMPLEMENTED', 'A form of this size is not supported');
  const bytes = new Uint8Array(body.head);
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
  const fields = [...form].map(([name, value]): readonly [string, string] => {
    if (typeof value === 'string') return [name, value];
    throw new Refused('NOT_IMPLEMENTED', `External table ${name}: external data is not supported`);
  });
  const parameters = { ...question.parameters, ...parametersIn(fields) };
  const query = fields.find(([name]) => name === 'query')?.[1] ?? '';
  return {
    question: {
      ...question,
      parameters,
      query: [question.query, query].filter(Boolean).join('\n'),
    },
    body: { ...body, head: Buffer.alloc(0) },
  };
}
