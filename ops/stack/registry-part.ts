import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchJars, packages } from './jars.ts';
import { findJava } from './java.ts';
import type { Launch, NativePart } from './native-part.ts';

/** Apicurio 3.0 with its Confluent API; schemas rest in an H2 file. */
export const registryPart: NativePart = {
  part: 'registry',
  ports: 1,
  patienceMs: 90_000,
  stopping: [{ signal: 'SIGTERM', ms: 15_000 }],

  async prepare({ data, ports, report }): Promise<Launch> {
    const java = await findJava();
    const folder = await fetchJars(packages.registry, report);
    await mkdir(data, { recursive: true });
    const runner = (await readdir(folder)).find((file) => file.endsWith('-runner.jar'));
    if (!runner) throw new Error(`${folder} holds no runner jar; remove it and try again`);
    const options = {
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': ports[0] ?? 0,
      'quarkus.log.level': 'WARN',
      'apicurio.storage.kind': 'sql',
      'apicurio.storage.sql.kind': 'h2',
      // Without a write delay a schema id that was handed out is on disk, whatever happens next.
      'apicurio.datasource.url': `jdbc:h2:file:${join(data, 'registry')};WRITE_DELAY=0`,
      'apicurio.datasource.jdbc.initial-size': 1,
      'apicurio.datasource.jdbc.min-size': 1,
      'apicurio.datasource.jdbc.max-size': 20,
    };
    return {
      command: java,
      args: [
        '-Xmx256m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        ...Object.entries(options).map(([key, value]) => `-D${key}=${value}`),
        '-jar',
        join(folder, runner),
      ],
      env: {},
    };
  },

  async answers({ registry }) {
    const response = await fetch(`${registry.url}/subjects`, {
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`${registry.url} answers ${response.status}`);
    if (!Array.isArray(await response.json())) throw new Error(`${registry.url} is no registry`);
  },
};
