import type { BaseOptions } from '@platformatic/kafka';
import type { Config } from '../../contracts/config.ts';

export type KafkaOptions = BaseOptions;

/** How every client of ours connects. */
export function kafkaOptions({ kafka }: Pick<Config, 'kafka'>, clientId: string): KafkaOptions {
  return {
    clientId: `conductor-${clientId}`,
    bootstrapBrokers: [...kafka.brokers],
    connectTimeout: 5_000,
    timeout: 30_000,
    retries: 2,
    retryDelay: 250,
    ...(kafka.tls ? { tls: {} } : {}),
    ...(kafka.sasl ? { sasl: kafka.sasl } : {}),
  };
}
