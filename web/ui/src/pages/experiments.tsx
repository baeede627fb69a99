import { Link } from "wouter";
import { PageHead } from "../parts/page";
import { Empty } from "../parts/states";
import { useView } from "../view/view";

/** Its place is kept, and nothing is made up to fill it. */
export default function Experiments() {
  const { href } = useView();
  return (
    <div className="page">
      <PageHead title="Experiments" />
      <section className="sheet">
        <Empty title="Not in this version">
          <p>Variants, their effect with its uncertainty over time, and guardrails will stand here. Events may carry experiments already (experiment id to variant); they are kept with the event.</p>
          <p>
            <Link className="btn" href={href("/api")}>
              The API
            </Link>
          </p>
        </Empty>
      </section>
    </div>
  );
}
