import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['longshore-source', 'import', 'default'] },
  ssr: { resolve: { conditions: ['longshore-source', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
