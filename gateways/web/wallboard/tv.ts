/** The mode for a screen on a wall: `?tv=1`, big type, nothing to click. */

import { useCallback, useEffect, useState } from 'react';

const SIZES = { small: 15, large: 44, share: 0.0115 };

export function useTv(): { isTv: boolean; enter: () => void; leave: () => void } {
  const [isTv, setTv] = useState(() => new URLSearchParams(location.search).get('tv') === '1');
  useEffect(() => scaled(isTv), [isTv]);
  const change = useCallback((wanted: boolean) => {
    const url = new URL(location.href);
    if (wanted) {
      url.searchParams.set('tv', '1');
    } else {
      url.searchParams.delete('tv');
    }
    history.replaceState(history.state, '', url);
    setTv(wanted);
  }, []);
  const leave = useCallback(() => {
    if (document.fullscreenElement) {
      void document.exitFullscreen();
    }
    change(false);
  }, [change]);
  const enter = useCallback(() => {
    document.documentElement.requestFullscreen?.().catch(() => undefined);
    change(true);
  }, [change]);
  useEffect(() => {
    if (!isTv) {
      return;
    }
    const onKey = ({ key }: KeyboardEvent) => key === 'Escape' && leave();
    const onFullscreen = () => !document.fullscreenElement && change(false);
    addEventListener('keydown', onKey);
    document.addEventListener('fullscreenchange', onFullscreen);
    return () => {
      removeEventListener('keydown', onKey);
      document.removeEventListener('fullscreenchange', onFullscreen);
    };
  }, [isTv, leave, change]);
  return { isTv, enter, leave };
}

/** Everything is sized in rem, so one number makes it fit the wall. */
function scaled(isTv: boolean): () => void {
  const root = document.documentElement;
  const scale = () => {
    const wanted = Math.min(innerWidth, innerHeight * 1.78) * SIZES.share;
    root.style.fontSize = isTv ? `${Math.min(SIZES.large, Math.max(SIZES.small, wanted))}px` : '';
  };
  scale();
  addEventListener('resize', scale);
  return () => {
    removeEventListener('resize', scale);
    root.style.fontSize = '';
  };
}
