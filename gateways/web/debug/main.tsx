import { show } from '../shared/Page';
import { App } from './App';

show(<App />);
