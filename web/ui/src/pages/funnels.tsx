import { Link } from "wouter";
import { PageHead } from "../parts/page";
import { Empty } from "../parts/states";
import { useView } from "../view/view";

/** Its place is kept, and nothing is made up to fill it. */
export default function Funnels() {
  const { href } = useView();
  return (
    <div className="page">
      <PageHead title="Funnels" />
      <section className="sheet">
        <Empty title="Not in this version">
          <p>Steps in order, where people leave, and triggers on patterns will stand here. Until then paths show what leads to conversions.</p>
          <p>
            <Link className="btn" href={href("/attribution")}>
              Attribution
            </Link>
          </p>
        </Empty>
      </section>
    </div>
  );
}
