/** Two notes when a queue turns red, and again while it stays so. Browsers let a page be heard only
 * after somebody has touched it, so a page that was just opened may have to wait for that. */

import { useEffect, useRef, useState } from 'react';

const NOTES = [880, 659];
const AGAIN = 30_000;
const STORED = 'callplane.wallboard.sound';

export interface Sound {
  isOn: boolean;
  toggle: () => void;
}

export function useSound(reds: string, isQuiet: boolean): Sound {
  const [isOn, setOn] = useState(() => localStorage.getItem(STORED) === 'on');
  const context = useRef<AudioContext>(null);
  useEffect(() => {
    if (!isOn) {
      return;
    }
    context.current ??= new AudioContext();
    const wake = () => void context.current?.resume();
    wake();
    addEventListener('pointerdown', wake);
    addEventListener('keydown', wake);
    return () => {
      removeEventListener('pointerdown', wake);
      removeEventListener('keydown', wake);
    };
  }, [isOn]);
  const before = useRef('');
  useEffect(() => {
    const known = new Set(before.current.split(' '));
    before.current = reds;
    if (!isOn || isQuiet || !reds) {
      return;
    }
    if (reds.split(' ').some((id) => !known.has(id))) {
      play(context.current);
    }
    const again = setInterval(() => play(context.current), AGAIN);
    return () => clearInterval(again);
  }, [reds, isOn, isQuiet]);
  const toggle = () => {
    localStorage.setItem(STORED, isOn ? 'off' : 'on');
    setOn(!isOn);
  };
  return { isOn, toggle };
}

function play(context: AudioContext | null): void {
  if (context?.state !== 'running') {
    return;
  }
  NOTES.forEach((frequency, index) => {
    const begin = context.currentTime + index * 0.22;
    const [oscillator, gain] = [context.createOscillator(), context.createGain()];
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, begin);
    gain.gain.linearRampToValueAtTime(0.25, begin + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, begin + 0.45);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(begin);
    oscillator.stop(begin + 0.5);
  });
}
