import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { IncompatibleSchema, registryAt } from '../../contracts/registry.ts';
import { servers } from './servers.ts';

const schema = (type: string) => ({
  type: 'record',
  name: 'Thing',
  fields: [{ name: 'id', type }],
});

test('a topic whose first schema was registered by somebody who was killed before its rule was set gets its rule', async () => {
  const { registry } = await servers();
  const topic = `ruleless-${randomBytes(4).toString('hex')}`;
  const url = `${registry.url.replace(/\/$/, '')}/subjects/${topic}-value`;
  const answer = await fetch(`${url}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema('long')) }),
  });
  expect(answer.status).toBe(200);
  try {
    const ours = registryAt(registry.url);
    await ours.register(topic, schema('long'));
    await expect(ours.register(topic, schema('string'))).rejects.toThrow(IncompatibleSchema);
  } finally {
    await fetch(url, { method: 'DELETE' });
  }
});
