import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Puts `.br` and `.gz` beside what shrinks, so that nobody has to compress it while serving. */
function compressed(folder: string): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const name of readdirSync(folder).filter((name) => /\.(js|css|svg)$/.test(name))) {
        const path = join(folder, name);
        const text = readFileSync(path);
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
        writeFileSync(`${path}.br`, brotliCompressSync(text, { params: size }));
        writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), compressed('dist/assets')],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['wallboard.html', 'debug.html'] },
  },
  server: {
    proxy: Object.fromEntries(
      ['/wallboard/ticket', '/wallboard/data', '/wallboard/why', '/debug/ticket']
        .map((path) => [path, { target: 'http://127.0.0.1:8082' }])
        .concat([
          ['^/(wallboard|debug)/(ws|sse)', { target: 'http://127.0.0.1:8082', ws: true }],
        ] as never),
    ),
  },
});
