import { Failed } from "./states";

interface Paged {
  data: unknown[] | undefined;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  isRefetching: boolean;
  isFetchNextPageError: boolean;
  error: unknown;
  fetchNextPage: () => unknown;
  refetch: () => unknown;
}

/** The end of a list: how much is here, and the way to more. */
export function More({ pages, what }: { pages: Paged; what: string }) {
  return (
    <div className="more-row">
      <span>
        {pages.data?.length ?? 0} {what} shown{pages.hasNextPage ? ", there are more" : ": all there are"}
      </span>
      {pages.hasNextPage && (
        <button type="button" className="btn" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          {pages.isFetchingNextPage ? "Loading" : "Show more"}
        </button>
      )}
      <button type="button" className="btn plain" disabled={pages.isRefetching} onClick={() => void pages.refetch()}>
        Look again
      </button>
      {pages.isFetchNextPageError && <Failed error={pages.error} what="the next page" retry={() => void pages.fetchNextPage()} />}
    </div>
  );
}
