import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import css from './Paged.module.css';

const TURN = 10_000;

interface Props {
  items: ReactNode[];
  /** Smallest width and fixed height of one item, in rem. */
  width: number;
  height: number;
  /** How small they may get where many have to take turns; 1: plain size. */
  dense?: number;
}

/** As many as fit, then the next ones: what hangs on a wall cannot be scrolled. */
export function Paged({ items, width, height, dense = 1 }: Props) {
  const ref = useRef<HTMLDivElement>(null);
  const size = useSize(ref, items.length, width, height, dense);
  const pages = Math.max(1, Math.ceil(items.length / size.capacity));
  const page = useTurning(pages);
  const from = page * size.capacity;
  return (
    <div className={css.paged}>
      <div className={css.space} ref={ref}>
        <ul
          className={css.grid}
          style={{
            zoom: size.zoom,
            gap: `${GAP}rem`,
            gridTemplateColumns: `repeat(${Math.min(size.columns, items.length)}, minmax(0, 1fr))`,
            gridAutoRows: `${height}rem`,
          }}
        >
          {items.slice(from, from + size.capacity)}
        </ul>
      </div>
      {pages > 1 && (
        <p className={css.dots}>
          {pages <= DOTS &&
            Array.from({ length: pages }, (_, at) => <i key={at} data-here={at === page} />)}
          <span className={pages <= DOTS ? 'cp-unseen' : undefined}>
            Page {page + 1} of {pages}
          </span>
        </p>
      )}
    </div>
  );
}

interface Size {
  columns: number;
  capacity: number;
  zoom: number;
}

const GAP = 0.7;
const DOTS = 12;
const ZOOMS = Array.from({ length: 31 }, (_, at) => 2 - at / 20);
/** Smaller than this only where not even one row would fit. */
const SMALLEST = 0.8;

function useSize(
  ref: React.RefObject<HTMLDivElement | null>,
  count: number,
  width: number,
  height: number,
  dense: number,
): Size {
  const [size, setSize] = useState<Size>({ columns: 1, capacity: 1, zoom: 1 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) {
      return;
    }
    const measure = () => {
      const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      const fits = (zoom: number): Size => {
        const columns = fitting(element.clientWidth / rem / zoom, width);
        const rows = fitting(element.clientHeight / rem / zoom, height);
        return { columns, capacity: columns * rows, zoom };
      };
      // few are shown as large as they may be; of many a page, in plain size if that fits
      const sizes = ZOOMS.map(fits);
      const { columns, capacity, zoom } =
        sizes.find(({ capacity, zoom }) => capacity >= count && zoom >= SMALLEST) ??
        sizes.find(({ capacity, zoom }) => capacity > 0 && zoom <= dense) ??
        fits(dense);
      setSize({ columns: Math.max(1, columns), capacity: Math.max(1, capacity), zoom });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, [ref, count, width, height, dense]);
  return size;
}

function fitting(space: number, one: number): number {
  return Math.floor((space + GAP) / (one + GAP));
}

function useTurning(pages: number): number {
  const [turns, setTurns] = useState(0);
  useEffect(() => {
    if (pages > 1) {
      const timer = setInterval(() => setTurns((turn) => turn + 1), TURN);
      return () => clearInterval(timer);
    }
  }, [pages]);
  return turns % pages;
}
