import {
  createContext,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react';
import { type Access, headersOf } from '../shared/credentials';
import { Wallboard } from '../shared/stream/wallboard';
import { Ticker, TickerProvider } from '../shared/ticking';
import { Screen } from './Screen';
import { Waiting } from './Waiting';

const Context = createContext<Wallboard | undefined>(undefined);

/** The stream of the page that is open. */
export function useWallboard(): Wallboard {
  const found = useContext(Context);
  if (!found) {
    throw new Error('there is no wallboard here');
  }
  return found;
}

interface Props {
  access: Access;
  onLeave: (why?: string) => void;
}

export function Live({ access, onLeave }: Props) {
  const [wallboard, setWallboard] = useState<Wallboard>();
  useEffect(() => {
    const made = new Wallboard(headersOf(access));
    made.start();
    setWallboard(made);
    return () => made.stop();
  }, [access]);
  return wallboard ? <Shown wallboard={wallboard} onLeave={onLeave} /> : null;
}

function Shown({ wallboard, onLeave }: { wallboard: Wallboard; onLeave: Props['onLeave'] }) {
  const view = useSyncExternalStore(wallboard.subscribe, () => wallboard.view);
  const ticker = useMemo(() => new Ticker(() => wallboard.clock.now()), [wallboard]);
  const why = view.link.name === 'refused' ? view.link.why : undefined;
  useEffect(() => {
    if (why) {
      onLeave(why);
    }
  }, [why, onLeave]);
  return (
    <Context value={wallboard}>
      <TickerProvider ticker={ticker}>
        {view.board.keys.size > 0 ? (
          <Screen view={view} onLeave={() => onLeave()} />
        ) : (
          <Waiting link={view.link} onLeave={() => onLeave()} />
        )}
      </TickerProvider>
    </Context>
  );
}
