/** What every page stands in: theme, styles and fonts. */

import '@fontsource-variable/inter';
import '@mantine/core/styles.css';
import './theme.css';

import { createTheme, MantineProvider } from '@mantine/core';
import { setNonce } from 'get-nonce';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const theme = createTheme({
  fontFamily: 'var(--cp-font)',
  primaryColor: 'blue',
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  autoContrast: true,
  // from text to ground, as in theme.css
  colors: {
    dark: [
      '#edf2f7',
      '#c3ced9',
      '#9eacba',
      '#7d8b99',
      '#2a3543',
      '#222c39',
      '#1d2632',
      '#161d27',
      '#111821',
      '#0d1219',
    ],
  },
});

/** Styles that are made at run time carry it; the page's policy takes no others. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? '';

setNonce(nonce);

export function show(page: ReactNode): void {
  const root = document.getElementById('root');
  if (root) {
    createRoot(root).render(
      <StrictMode>
        <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
          {page}
        </MantineProvider>
      </StrictMode>,
    );
  }
}
