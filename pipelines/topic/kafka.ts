import type { BaseOptions } from '@platformatic/kafka';
import type { Config } from '../../contracts/config.ts';

/** The client hands what it does not know on to its connections. */
export type KafkaOptions = BaseOptions & { readonly requestTimeout: number };

/** How every client of ours connects. */
export function kafkaOptions({ kafka }: Pick<Config, 'kafka'>, clientId: string): KafkaOptions {
  const requestTimeout = kafka.requestTimeout * 1_000;
  return {
    clientId: `conductor-${clientId}`,
    bootstrapBrokers: [...kafka.brokers],
    connectTimeout: 5_000,
    timeout: requestTimeout, // How long the broker itself tries,
    requestTimeout, // and how long it is waited for, be its connection half open.
    retries: 2,
    retryDelay: 250,
    ...(kafka.tls ? { tls: {} } : {}),
    ...(kafka.sasl ? { sasl: kafka.sasl } : {}),
  };
}
