import { expect, test } from 'vitest';
import { apiSettings, tokenSettings } from '../../contracts/api-settings.ts';

test('the API is closed by default: loopback, no introspection, small requests', () => {
  expect(apiSettings.parse(undefined)).toEqual({
    host: '127.0.0.1',
    port: 0,
    behindProxy: false,
    introspection: false,
    bodyBytes: 65_536,
    depth: 8,
    fields: 100,
    aliases: 5,
    timeoutSeconds: 10,
    rows: 1_000,
    rolloutSalt: 'privacy_v2',
    monitors: [],
  });
});

test('a token lives for an hour at most, unless it is said', () => {
  expect(tokenSettings.parse(undefined)).toEqual({
    issuer: 'conductor',
    audience: 'conductor-api',
    directory: 'token-keys',
    longest: 3_600,
  });
});
