import { render } from 'preact';
import { Dashboard } from './dashboard.tsx';
import { followLinks } from './route.ts';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import './style/overview.css';
import './style/session.css';
import './style/turn.css';
import './style/playground.css';

followLinks();
render(<Dashboard />, document.getElementById('app')!);
